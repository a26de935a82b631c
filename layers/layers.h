// Every layer, loss and initialiser.
#pragma once

#include "dlengine/layers/activation.h"
#include "dlengine/layers/batch_norm.h"
#include "dlengine/layers/conv2d.h"
#include "dlengine/layers/dropout.h"
#include "dlengine/layers/flatten.h"
#include "dlengine/layers/folded_norms.h"
#include "dlengine/layers/gradcheck_module.h"
#include "dlengine/layers/init.h"
#include "dlengine/layers/linear.h"
#include "dlengine/layers/loss.h"
#include "dlengine/layers/module.h"
#include "dlengine/layers/pool2d.h"
#include "dlengine/layers/sequential.h"
#include "dlengine/layers/summary.h"
