"""What strangers may put into an HDF5 product; each adds it to an open file and returns the data set that is then named."""

import h5py
import numpy as np


def external_link(file):
    file["elsewhere"] = h5py.ExternalLink("secret.h5", "/a")
    return "elsewhere"


def link_in_the_middle(file):
    file.create_group("a/b")["c"] = h5py.ExternalLink("secret.h5", "/")
    return "a/b/c"


def soft_link(file):
    file["again"] = h5py.SoftLink("/elsewhere")
    return "again"


def external_storage(file):
    file.create_dataset("secret", (4, 5), "u1", external=[("secret.txt", 0, 20)])
    return "secret"


def virtual(file):
    layout = h5py.VirtualLayout((4, 5), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "a", (4, 5))
    file.create_virtual_dataset("borrowed", layout)
    return "borrowed"


LEAD_ELSEWHERE = (external_link, link_in_the_middle, soft_link, external_storage, virtual)


def replaced(path, name, shape=None, dtype="f4", **options):
    """Put another data set in the place of one, without a value in it; dims stay those of the file."""
    with h5py.File(path, "a") as file:
        scales = [dim[0] if len(dim) else None for dim in file[name].dims]
        shape = shape or file[name].shape
        del file[name]
        file.create_dataset(name, shape, dtype, **options)
        for dim, scale in zip(file[name].dims, scales, strict=False):
            if scale is not None:
                dim.attach_scale(scale)
    return path


def with_plugin_filter(path, name, shape):
    """Put a data set in the place of one that is compressed by a filter that nobody has: 32001, blosc."""
    with h5py.File(path, "a") as file:
        del file[name]
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk(tuple(min(16, size) for size in shape))
        plist.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (0,))
        space = h5py.h5s.create_simple(shape)
        kind = h5py.h5t.py_create(np.dtype("f4"))
        h5py.h5d.create(file.id, name.encode(), kind, space, plist)
    return path


def cut(path, share):
    """Cut off the end of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path
