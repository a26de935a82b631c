// All of dlengine: #include <dlengine/dlengine.h>.
#pragma once

#include "dlengine/core/autograd.h"
#include "dlengine/core/device.h"
#include "dlengine/core/diagram.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/gradcheck.h"
#include "dlengine/core/graph.h"
#include "dlengine/core/io/safetensors.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/parallel.h"
#include "dlengine/core/stream.h"
#include "dlengine/core/tensor.h"
#include "dlengine/data/data.h"
#include "dlengine/layers/layers.h"
#include "dlengine/optim/optim.h"
#include "dlengine/train/train.h"
