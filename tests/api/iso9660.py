"""A reader of small ISO 9660 images: the label, and the files by their Joliet names."""
SECTOR = 2048
SUPPLEMENTARY, END = 2, 255


def _number(data, at):
    return int.from_bytes(data[at:at + 4], "little")


def _records(image, extent, size):
    """(name, extent, size, is a folder) of what lies in a folder; "." and ".." are left out."""
    data, at = image[extent * SECTOR:extent * SECTOR + size], 0
    while at < size:
        length = data[at]
        if length == 0:   # records do not cross sectors
            at = (at // SECTOR + 1) * SECTOR
            continue
        name = data[at + 33:at + 33 + data[at + 32]]
        if name not in (b"\0", b"\1"):
            yield name.decode("utf-16-be").removesuffix(";1"), _number(data, at + 2), _number(data, at + 10), bool(data[at + 25] & 2)
        at += length


def _walk(image, extent, size, prefix=""):
    for name, at, length, is_folder in _records(image, extent, size):
        if is_folder:
            yield from _walk(image, at, length, prefix + name + "/")
        else:
            yield prefix + name, image[at * SECTOR:at * SECTOR + length]


def read(path):
    """(label, {path: bytes})"""
    image = path.read_bytes()
    label, root, sector = None, None, 16
    while True:
        descriptor = image[sector * SECTOR:(sector + 1) * SECTOR]
        assert descriptor[1:6] == b"CD001", f"{path} is no ISO 9660 image"
        if descriptor[0] == END:
            break
        if descriptor[0] == SUPPLEMENTARY:   # the primary one has capitals only
            label = descriptor[40:72].decode("utf-16-be").rstrip(" \0")
            root = _number(descriptor, 156 + 2), _number(descriptor, 156 + 10)
        sector += 1
    assert root, f"{path} has no Joliet names"
    return label, dict(_walk(image, *root))
