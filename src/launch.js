// Plain JavaScript, and no import that an old Node lacks: it must read this far enough to say what is wrong.

/**
 * Imports `entry` and runs its `main`, if this Node can.
 * @param {string} entry beside this file
 * @param {string} command what brings its own Node
 */
export async function launch(entry, command) {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 24 || (major === 24 && minor < 15)) {
    process.stderr.write(
      `Plantain needs Node 24.15 or newer, and this is ${process.version}: run it by "${command}", which brings its own (npm ci), or install a newer Node.\n`,
    );
    process.exitCode = 78;
    return;
  }
  // Some 500 modules are compiled at a start: from the second start on, half of that time is saved.
  // In a place of our own: in the shared directory for temporary files another user could plant code. Where it cannot be
  // written there is no cache, and no harm.
  const { enableCompileCache } = await import('node:module');
  const { fileURLToPath } = await import('node:url');
  const cache = fileURLToPath(new URL('../node_modules/.cache/plantain', import.meta.url));
  enableCompileCache(cache);
  // Threads learn of it by this alone. Without, each loads the 20 MB that strip types.
  process.env.NODE_COMPILE_CACHE ??= cache;
  const { main } = await import(entry);
  await main();
}
