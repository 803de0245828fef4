#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Sends what was printed: the reader waits at the other end of a pipe, which is buffered.
func flushStandardOutput() {
    unsafe fflush(nil)
}
