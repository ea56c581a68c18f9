/**
 * What counts alone tell of a rate (Clopper and Pearson, one-sided): the highest rate of failures that is not yet ruled out. As if trials were
 * independent and alike, which those on one machine are only nearly.
 */

/** how sure the bound is */
export const confidenceLevel = 0.95;

/** The chance of `failed` failures or fewer, summed from logarithms so that nothing overflows. */
const chanceOfAtMost = (failed: number, total: number, rate: number): number => {
  let log = total * Math.log1p(-rate);
  let sum = Math.exp(log);
  for (let at = 1; at <= failed; at += 1) {
    log += Math.log((total - at + 1) / at) + Math.log(rate) - Math.log1p(-rate);
    sum += Math.exp(log);
  }
  return sum;
};

/**
 * The rate at which `failed` failures or fewer in `total` trials would be seen with a chance of 5 %: with 95 % confidence the rate is below. For none
 * it is 1 − 0.05^(1/total), about 3/total. 1 where nothing was tried, or everything failed.
 */
export const failureRateBelow = (failed: number, total: number): number => {
  if (total === 0 || failed >= total) return 1;
  if (failed === 0) return 1 - (1 - confidenceLevel) ** (1 / total);
  let [low, high] = [failed / total, 1];
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (chanceOfAtMost(failed, total, middle) > 1 - confidenceLevel) low = middle;
    else high = middle;
  }
  return high;
};

/** Rounded up, so that it stays true: two digits. */
const percent = (rate: number): string => {
  const value = rate * 100;
  const digits = 10 ** Math.max(0, 1 - Math.floor(Math.log10(value)));
  return `${Math.ceil(value * digits - 1e-9) / digits} %`;
};

/** `200 of 200, failure rate below 1.5 % with 95 % confidence` */
export const confidenceText = (passed: number, total: number): string => {
  if (total === 0) return "nothing was tried";
  return `${passed} of ${total}, failure rate below ${percent(failureRateBelow(total - passed, total))} with ${confidenceLevel * 100} % confidence`;
};
