// MNIST and the data sets made in its image, by name.
#pragma once

#include <string>

#include "dlengine/data/data_places.h"
#include "dlengine/data/image_dataset.h"

namespace dlengine {

/// "mnist" (LeCun, Cortes, Burges) or "fashion_mnist" (Xiao, Rasul, Vollgraf): 60,000 and 10,000 images of 28
/// x 28.
///
/// In each of the places: the four files train-images-idx3-ubyte, train-labels-idx1-ubyte,
/// t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, also with ".idx" for "-idx", plain or with ".gz". Throws
/// ValueError for another name, DataNotFoundError that lists what was tried and says where to put the files,
/// IoError for files that are damaged and for a data_dir that does not exist.
ImageDataset load_mnist(const std::string& name, const DataPlaces& places = {});

}  // namespace dlengine
