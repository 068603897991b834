"""Writes the HDF5 files that the tests of server/objects read; runs under Debian's h5py."""
import os
import sys

import h5py
import numpy as np


def main(folder):
    frames = np.arange(100 * 64 * 64, dtype='u2').reshape(100, 64, 64)
    with h5py.File(folder + '/a.h5', 'w') as f:
        f['contiguous'] = np.arange(1000, dtype='<i4').reshape(10, 100)
        f.create_dataset('frames', data=frames, chunks=(1, 64, 64), compression='gzip', shuffle=True)
        f.create_dataset('never', shape=(100, 100), dtype='f4', chunks=(10, 10), fillvalue=7)
        f.create_dataset('big', data=np.arange(2 << 20, dtype='u1'), chunks=(1 << 16,))
        f['group/strings'] = ['ab', 'cde', '']
        f['group/scalar'] = 3.5
        f['group/empty'] = h5py.Empty('f4')
        f['type'] = np.dtype('i4')
        f['soft'] = h5py.SoftLink('/group/scalar')
        f['dangling'] = h5py.SoftLink('/nowhere')
        f['external'] = h5py.ExternalLink('b.h5', '/line')
        f['external-group'] = h5py.ExternalLink('b.h5', '/')
        f['external-missing'] = h5py.ExternalLink('absent.h5', '/line')
        f['loop'] = h5py.ExternalLink('a.h5', '/loop')
        f.attrs['title'] = 'hello'
        layout = h5py.VirtualLayout((4, 10), 'i8')
        for row in range(4):
            layout[row] = h5py.VirtualSource('b.h5' if row < 3 else 'absent.h5', '/line', (10,))
        f.create_virtual_dataset('virtual', layout, fillvalue=-1)
        layout = h5py.VirtualLayout((2,), h5py.string_dtype())
        layout[0:1] = h5py.VirtualSource('b.h5', '/words', (3,))[1:2]
        layout[1:2] = h5py.VirtualSource('b.h5', '/words', (3,))[2:3]
        f.create_virtual_dataset('virtual-words', layout)
        layout = h5py.VirtualLayout((10,), 'i8')
        layout[:] = h5py.VirtualSource('a.h5', '/endless', (10,))
        f.create_virtual_dataset('endless', layout)
    with h5py.File(folder + '/b.h5', 'w') as f:
        f['line'] = np.arange(10)
        f['words'] = ['one', 'two', 'three']
    with h5py.File(folder + '/over.h5', 'w') as f:
        f.create_virtual_dataset('changing', mapped('changing.h5'))
        f.create_virtual_dataset('through-link', mapped('current.h5'))
        f.create_virtual_dataset('absent', mapped('later.h5'))
        f.create_dataset('packed', data=np.zeros((100, 100)), chunks=(10, 100))
        never = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        never.set_fill_value(np.array(7, 'i4'))
        never.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((4,))
        h5py.h5d.create(f.id, b'never-contiguous', h5py.h5t.STD_I32LE, space, never)
        never.set_chunk((3,))
        h5py.h5d.create(f.id, b'never-chunked', h5py.h5t.STD_I32LE, space, never)
        f['never-chunked'][0:3] = 9
        for i in range(17):
            f[f'chain{i}'] = h5py.SoftLink(f'/chain{i - 1}' if i else '/packed')
    for name in 'elsewhere', 'bare':
        os.mkdir(f'{folder}/{name}')
        os.symlink('../a.h5', f'{folder}/{name}/a.h5')
    with h5py.File(folder + '/elsewhere/b.h5', 'w') as f:
        f['line'] = np.arange(10) + 100
    os.symlink('changing.h5', folder + '/current.h5')
    with open(folder + '/text.txt', 'w') as f:
        f.write('not HDF5')
    rewrite(folder + '/changing.h5', 0)


def mapped(source):
    layout = h5py.VirtualLayout((200, 1000), 'i4')
    layout[:] = h5py.VirtualSource(source, 'values', (200, 1000))
    return layout


def rewrite(path, value):
    """The same file with other values, in place."""
    with h5py.File(path, 'w') as f:
        f.create_dataset('values', data=np.full((200, 1000), value, 'i4'), chunks=(10, 1000), maxshape=(None, 1000))


def append(path, value):
    with h5py.File(path, 'r+') as f:
        f['values'].resize(f['values'].shape[0] + 10, 0)
        f['values'][-10:] = value


if __name__ == '__main__':
    action, path = sys.argv[1:3]
    if action == 'files':
        main(path)
    else:
        {'rewrite': rewrite, 'append': append}[action](path, int(sys.argv[3]))
