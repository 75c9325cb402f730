import { readdirSync, readFileSync } from 'node:fs';

/**
 * How many connections callers may have at once: half of the descriptors this process has left. The other half is for
 * upstreams, for files, and for whoever asks how it is. Null where the system does not tell how many there are.
 * https://man7.org/linux/man-pages/man5/proc_pid_limits.5.html
 */
export function mostConnections(): number | null {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    if (limit === undefined) return null;
    return Math.max(1, Math.floor((Number(limit) - readdirSync('/proc/self/fd').length) / 2));
  } catch {
    return null;
  }
}
