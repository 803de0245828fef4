#ifndef ROUNDHOUSE_CDESCRIPTORS_H
#define ROUNDHOUSE_CDESCRIPTORS_H

#include <stddef.h>

/// The serialized google.protobuf.FileDescriptorSet of everything under proto/, with imports and comments: what server
/// reflection answers from. It lies in the binary's read-only data, so it costs nothing until it is read.
///
/// A C target because Swift has no cheap way to embed bytes: an array literal of this size takes the compiler minutes,
/// and a bundle resource is a file that has to be found at run time.
const unsigned char *rh_descriptor_set(void);

/// The number of bytes at `rh_descriptor_set()`.
size_t rh_descriptor_set_size(void);

#endif
