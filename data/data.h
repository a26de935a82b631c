// All of data/.
#pragma once

#include "dlengine/data/augmented_images.h"
#include "dlengine/data/channel_statistics.h"
#include "dlengine/data/cifar.h"
#include "dlengine/data/csv.h"
#include "dlengine/data/data_places.h"
#include "dlengine/data/dataset.h"
#include "dlengine/data/device_batches.h"
#include "dlengine/data/download.h"
#include "dlengine/data/idx.h"
#include "dlengine/data/image_dataset.h"
#include "dlengine/data/image_folder.h"
#include "dlengine/data/images.h"
#include "dlengine/data/loader.h"
#include "dlengine/data/mnist.h"
#include "dlengine/data/synthetic_digits.h"
