/* The header under test comes first, from the command line; the whole contract after it shows that the guards work. */
#include "operon/operon.h"

typedef int operon_header_compiles;
