#include "tests/aggregator/test_province.h"
