/**
 * Where secrets lie. With `--secure-heap=N` OpenSSL keeps private keys in N bytes of memory that are locked, guarded
 * by unmapped pages, left out of core dumps and wiped when freed; without it they lie in the ordinary heap.
 */
import { secureHeapUsed } from 'node:crypto';
import { fail } from '../src/base/index.ts';

/** Bytes. */
export interface SecureHeap {
  readonly total: number;
  readonly used: number;
  /** The smallest allocation. */
  readonly min: number;
}

/** The figures of this process; a total of 0 means that there is no secure heap. */
export function secureHeap(): SecureHeap {
  const figures = secureHeapUsed();
  if (figures === undefined) return { total: 0, used: 0, min: 0 };
  return { total: figures.total, used: figures.used, min: figures.min };
}

/** SECURE_HEAP_MISSING unless the process was started with one of at least `bytes`. */
export function requireSecureHeap(bytes: number): SecureHeap {
  const heap = secureHeap();
  if (heap.total < bytes)
    fail('SECURE_HEAP_MISSING', `${heap.total} bytes of secure heap, ${bytes} are needed`);
  return heap;
}
