// CIFAR-10 and CIFAR-100.
#pragma once

#include "dlengine/data/data_places.h"
#include "dlengine/data/image_dataset.h"

namespace dlengine {

/// CIFAR-10 (Krizhevsky, Nair, Hinton): 50,000 and 10,000 photographs of ten kinds of things, x u8 [N, 3, 32,
/// 32], which are red, green and blue.
///
/// In each of the places, in the folder cifar10, cifar-10-batches-bin or itself: the files of the binary
/// version, data_batch_1.bin to data_batch_5.bin and test_batch.bin, or the archive that they come in,
/// cifar-10-binary.tar.gz, which is read as it is. It is also what is downloaded (170 MB). Throws
/// DataNotFoundError that lists what was tried and says where to put the files, IoError for files that are
/// damaged and for a data_dir that does not exist.
ImageDataset load_cifar10(const DataPlaces& places = {});

/// The labels of CIFAR-100: 100 classes, or the 20 groups of five that they are in.
enum class Cifar100Labels { fine, coarse };

/// CIFAR-100, as load_cifar10(): folder cifar100 or cifar-100-binary, files train.bin and test.bin, archive
/// cifar-100-binary.tar.gz (169 MB).
ImageDataset load_cifar100(const DataPlaces& places = {}, Cifar100Labels labels = Cifar100Labels::fine);

}  // namespace dlengine
