// Every public operation.
#pragma once

#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/arrange.h"
#include "dlengine/core/ops/attention.h"
#include "dlengine/core/ops/conv.h"
#include "dlengine/core/ops/dropout.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/embedding.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/interpolate.h"
#include "dlengine/core/ops/matmul.h"
#include "dlengine/core/ops/norm.h"
#include "dlengine/core/ops/pool.h"
#include "dlengine/core/ops/recurrent.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/core/ops/softmax.h"
#include "dlengine/core/ops/sort.h"
