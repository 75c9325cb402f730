/** By an exit of its own, so that what the process keeps on the disk goes with it. */
export function endWithWhoStarted(): void {
  for (const end of ['disconnect', 'SIGTERM'] as const) process.once(end, () => process.exit());
}
