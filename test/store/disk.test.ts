import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../host/store/index.ts';
import { testFolder } from '../support/ledger.ts';

describe("the machine's disk", () => {
  it('says so when a file cannot be made, synced, renamed or removed', async () => {
    using folder = testFolder();
    const at = (name: string): string => join(folder.path, name);
    await expect(nodeDisk.create(at('none/file'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(nodeDisk.rename(at('none'), at('other'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(nodeDisk.syncDirectory(at('none'))).rejects.toMatchObject({ code: 'ENOENT' });
    writeFileSync(at('file'), 'x');
    await expect(nodeDisk.remove(at('file/below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    const file = await nodeDisk.create(at('made'));
    file.close();
    await expect(file.datasync()).rejects.toMatchObject({ code: 'EBADF' });
  });

  it('makes a folder once, and lists none that is not there', () => {
    using folder = testFolder();
    const at = (name: string): string => join(folder.path, name);
    mkdirSync(at('folder'));
    expect(nodeDisk.makeDirectory(at('folder'))).toBe(false);
    expect(() => nodeDisk.makeDirectory(at('none/folder'))).toThrow(/ENOENT/);
    writeFileSync(at('file'), 'x');
    expect(() => nodeDisk.list(at('file'))).toThrow(/ENOTDIR/);
    expect(nodeDisk.list(at('none'))).toEqual([]);
  });

  it('writes all parts behind one another, and reads what there is', async () => {
    using folder = testFolder();
    const file = await nodeDisk.create(join(folder.path, 'file'));
    file.write([Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)], 1);
    await file.datasync();
    expect([...file.read(0, 10)]).toEqual([0, 1, 2, 3]);
    expect([...file.read(2, 1)]).toEqual([2]);
    expect([...file.read(9, 1)]).toEqual([]);
    file.close();
    expect(readFileSync(join(folder.path, 'file')).length).toBe(4);
  });
});
