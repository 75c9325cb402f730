const waiting: (() => void)[] = [];
let isScheduled = false;

/**
 * Resolves when it is the caller's turn to work again, for some milliseconds. Between any two turns the event loop goes
 * round once, however many wait: setImmediate would let them all work one after the other, and eight pictures would
 * block the loop for eight turns.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(next);
  });
}

function next(): void {
  const resume = waiting.shift();
  isScheduled = waiting.length > 0;
  if (isScheduled) setImmediate(next);
  resume?.();
}
