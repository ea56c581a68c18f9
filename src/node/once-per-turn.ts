/** However often the result is called within a turn of the event loop, `run` runs once at its end. `defer` runs a callback after what this turn still brings. */
export const oncePerTurn = (defer: (callback: () => void) => void, run: () => void): (() => void) => {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    defer(() => {
      due = false;
      run();
    });
  };
};
