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
    write_elements(folder)
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


def write_elements(folder):
    """Two axes of 60 and 70 in every layout, with plain, compound and variable-length elements."""
    shape = (60, 70)
    numbers = np.arange(60 * 70, dtype='<i4').reshape(shape)
    words = np.array([f'word {i}' * (i % 4) for i in range(60 * 70)], object).reshape(shape)
    record = np.dtype([('a', '<i4'), ('name', h5py.string_dtype()), ('b', '>f8'), ('list', h5py.vlen_dtype('<u2'))])
    records = np.empty(shape, record)
    records['a'], records['b'], records['name'] = numbers, numbers / 2, words
    for place in np.ndindex(shape):
        records['list'][place] = np.arange(place[1] % 5, dtype='u2')
    plain = np.empty(shape, [('a', '<i4'), ('b', '>f8'), ('c', 'S3')])
    plain['a'], plain['b'], plain['c'] = numbers, numbers / 2, b'xyz'
    with h5py.File(folder + '/elements.h5', 'w') as f:
        f['contiguous'] = numbers
        f.create_dataset('raw', data=numbers, chunks=(7, 9))
        f.create_dataset('packed', data=numbers, chunks=(7, 9), compression='gzip', shuffle=True)
        f.create_dataset('scaled', data=numbers, chunks=(7, 9), scaleoffset=0)
        partly = f.create_dataset('partly', shape, '<i4', chunks=(7, 9), fillvalue=-5, compression='gzip')
        partly[10:20, 10:40] = numbers[10:20, 10:40]
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        h5py.h5d.create(f.id, b'compact', h5py.h5t.STD_I32LE, h5py.h5s.create_simple(shape), compact)
        f['compact'][...] = numbers
        f.create_dataset('never', shape, '<i4', fillvalue=8)
        f['words'] = words
        f.create_dataset('records', data=records, chunks=(20, 20))
        f.create_dataset('plain', data=plain, chunks=(20, 20), compression='gzip')
        f['one'] = 3
        f.create_dataset('external', shape, '<i4', external=[('first.raw', 8, 8000), ('second.raw', 0, 8800)])
        before = os.getcwd()
        os.chdir(folder)  # where raw files are written to
        f['external'][...] = numbers
        os.chdir(before)
        layout = h5py.VirtualLayout(shape, '<i4')
        layout[:30] = h5py.VirtualSource('elements.h5', 'packed', shape)[:30]
        layout[30:, ::2] = h5py.VirtualSource('elements.h5', 'raw', shape)[30:, :35]
        f.create_virtual_dataset('virtual', layout, fillvalue=-1)
        layout = h5py.VirtualLayout(shape, record)
        layout[:40] = h5py.VirtualSource('elements.h5', 'records', shape)[20:]
        f.create_virtual_dataset('virtual-records', layout)


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


def sources(folder):
    """mapped.h5: over so many files of one frame each, nested, and over itself in many ways."""
    os.mkdir(folder + '/frames')
    for i in range(300):
        with h5py.File(f'{folder}/frames/{i}.h5', 'w') as f:
            f['frame'] = np.full((4, 5), i, 'i4')
    with h5py.File(folder + '/mapped.h5', 'w', libver=('earliest', 'v110')) as f:
        layout = h5py.VirtualLayout((300, 4, 5), 'i4')
        for i in range(300):
            layout[i] = h5py.VirtualSource(f'frames/{i}.h5', 'frame', (4, 5))
        f.create_virtual_dataset('stack', layout, fillvalue=-1)
        layout = h5py.VirtualLayout((300, 4, 5), 'f8')
        layout[...] = h5py.VirtualSource('.', 'stack', (300, 4, 5))
        f.create_virtual_dataset('converted', layout)
        # Twelve levels, each of which takes the next one four times, shifted by as much as no other does.
        f['shifted12'] = np.arange(64, dtype='i4')
        for level in range(12):
            plist, space = h5py.h5p.create(h5py.h5p.DATASET_CREATE), h5py.h5s.create_simple((64,))
            for k in range(4):
                count = 64 - k - 1
                target, source = h5py.h5s.create_simple((64,)), h5py.h5s.create_simple((64,))
                target.select_hyperslab((0,), (1,), block=(count,))
                source.select_hyperslab((k + 1,), (1,), block=(count,))
                plist.set_virtual(target, b'.', f'/shifted{level + 1}'.encode(), source)
            h5py.h5d.create(f.id, f'shifted{level}'.encode(), h5py.h5t.STD_I32LE, space, plist)


def swmr(path):
    """`values` grows by ten rows for each line of the standard input, by a live writer that tells of each."""
    with h5py.File(path, 'w', libver='latest') as f:
        values = f.create_dataset('values', data=np.zeros((200, 1000), 'i4'), chunks=(10, 1000), maxshape=(None, 1000))
        f.swmr_mode = True
        print('ready', flush=True)
        for line in sys.stdin:
            values.resize(values.shape[0] + 10, 0)
            values[-10:] = int(line)
            values.flush()
            print('written', flush=True)


def outside(folder):
    """names.h5, in which everything leads out of the folder but where it says gone."""
    with h5py.File(folder + '/../secret.h5', 'w') as f:
        f['line'] = np.arange(10)
    os.symlink('../secret.h5', folder + '/leads-out.h5')
    os.symlink('loop.h5', folder + '/loop.h5')
    os.mkdir(folder + '/folder.h5')
    names = dict(beside='../secret.h5', absolute=os.path.abspath(folder + '/../secret.h5'),
                 nowhere='/nowhere/secret.h5',
                 symlink='leads-out.h5', loop='loop.h5', gone='gone.h5', folder='folder.h5', text='text.txt',
                 here='/nowhere/b.h5')
    with h5py.File(folder + '/names.h5', 'w', libver=('earliest', 'v110')) as f:
        for name, file in names.items():
            f['link-' + name] = h5py.ExternalLink(file, '/line')
            f['soft-' + name] = h5py.SoftLink('/link-' + name)
            roads = dict(virtual=(file, '/line'), through=('names.h5', '/link-' + name),
                         twice=('.', '/virtual-' + name))
            for kind, (source, path) in roads.items():
                layout = h5py.VirtualLayout((10,), 'i8')
                layout[:] = h5py.VirtualSource(source, path, (10,))
                f.create_virtual_dataset(kind + '-' + name, layout, fillvalue=-1)
            raw = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            raw.set_external(os.fsencode(file), 0, 4)
            raw.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            h5py.h5d.create(f.id, ('raw-' + name).encode(), h5py.h5t.STD_I32LE, h5py.h5s.create_simple((1,)), raw)


if __name__ == '__main__':
    action, path = sys.argv[1:3]
    if action == 'files':
        main(path)
    elif action == 'outside':
        outside(path)
    elif action == 'sources':
        sources(path)
    elif action == 'swmr':
        swmr(path)
    else:
        {'rewrite': rewrite, 'append': append}[action](path, int(sys.argv[3]))
