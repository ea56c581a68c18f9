/** However often the result is called before `defer` calls back, `run` runs once. */
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
