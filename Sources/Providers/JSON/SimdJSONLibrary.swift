private import CSimdJSON

/// The simdjson that this process runs on.
package enum SimdJSONLibrary {
    /// `3.0.1`.
    package static let version: String = unsafe String(cString: csj_version())
}
