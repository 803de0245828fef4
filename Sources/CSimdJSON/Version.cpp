// Tells which simdjson this is.

#include <simdjson.h>

#include "CSimdJSON.h"

#define CSJ_TEXT(value) #value
#define CSJ_TEXT_OF(value) CSJ_TEXT(value)

const char *csj_version(void) { return CSJ_TEXT_OF(SIMDJSON_VERSION); }
