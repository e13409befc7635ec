/* As mlperf.c, for anomaly detection, whose host sends floats and gets one back. */
#define FLOATS 1
#include "mlperf.c"
