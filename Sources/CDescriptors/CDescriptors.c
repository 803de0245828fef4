#include "CDescriptors.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char descriptor_set[] = {
#embed "roundhouse.binpb"
};

const unsigned char *rh_descriptor_set(void) { return descriptor_set; }

size_t rh_descriptor_set_size(void) { return sizeof descriptor_set; }
