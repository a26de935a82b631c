// Every loss: objects that are called as loss(output, target) and give a scalar to call backward() on.
#pragma once

#include "dlengine/layers/loss_binary.h"
#include "dlengine/layers/loss_classes.h"
#include "dlengine/layers/loss_labels.h"
#include "dlengine/layers/loss_margin.h"
#include "dlengine/layers/loss_regression.h"
