import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What a process has open. */
export interface Descriptors {
  /** All but `pooled`. */
  readonly open: number;
  /** Connections to the vendor: those that are idle are kept for the next call, for as long as the vendor says it will. */
  readonly pooled: number;
}

/** Linux alone tells this: https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html */
export function descriptorsOf(pid: number, vendorPort: number): Descriptors {
  const toVendor = inodesTo(vendorPort);
  const targets = readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${name}`)];
    } catch (error) {
      // Closed between being listed and being read.
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  });
  const pooled = targets.filter((target) => toVendor.has(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '')).length;
  return { open: targets.length - pooled, pooled };
}

/** Of sockets that are connected to that port. Columns: sl local remote st queues timers retransmits uid timeout inode. */
function inodesTo(port: number): ReadonlySet<string> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1);
  const columns = rows.map((row) => row.trim().split(/\s+/));
  return new Set(columns.filter(([, , remote]) => remote?.endsWith(wanted)).map((row) => row[9]!));
}
