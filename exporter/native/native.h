/* What the sources of the native part share. */
#include <stdint.h>

#define API __attribute__((visibility("default")))
