// All of train.
#pragma once

#include "dlengine/train/captured_step.h"
#include "dlengine/train/csv_log.h"
#include "dlengine/train/curves.h"
#include "dlengine/train/diagram_svg.h"
#include "dlengine/train/doctor.h"
#include "dlengine/train/early_stopping.h"
#include "dlengine/train/history.h"
#include "dlengine/train/interrupt.h"
#include "dlengine/train/make_loss.h"
#include "dlengine/train/metrics.h"
#include "dlengine/train/monitor.h"
#include "dlengine/train/plot.h"
#include "dlengine/train/predictor.h"
#include "dlengine/train/progress.h"
#include "dlengine/train/search.h"
#include "dlengine/train/trainer.h"
