// The rule of a pick, as search/front/choice.py has it; a test holds one against the other.

const KEYS = ['storage_mb', 'runtime', 'error'];

export function budgetsOf(page) {
  const { key, title } = page.measure; // WER or CER, whichever the study searches
  return {
    storage_mb: { what: 'storage', unit: 'MB', option: 'max-storage', call: 'max_storage' },
    runtime: { what: 'runtime', unit: 'of fp16', option: 'max-runtime', call: 'max_runtime' },
    error: { what: title, unit: '%', option: `max-${key}`, call: `max_${key}` },
  };
}

const WHY = {
  knee: (count, wanted) => `the knee of ${count} members with ${wanted}: nearest to the ideal corner`,
  smallest: (count, wanted) => `the smallest file of ${count} members with ${wanted}`,
  best: (count, wanted, rate) => `lowest ${rate} of ${count} members with ${wanted}`,
};

const set = (limits) => KEYS.filter((key) => limits[key] !== null && limits[key] !== undefined);

function goalOf(limits, knee) {
  const keys = set(limits);
  if (knee) return 'knee';
  return keys.length === 1 && keys[0] === 'error' ? 'smallest' : 'best';
}

function within(page, limits) {
  const keys = set(limits);
  return page.choosable.filter((index) => keys.every((key) => page.members[index][key] <= limits[key]));
}

// the first of the least, by numbers that are compared one after the other
function least(indices, values) {
  let best = null;
  for (const index of indices) {
    const own = values(index);
    const at = best === null ? 0 : own.findIndex((value, i) => value !== best.own[i]);
    if (best === null || (at >= 0 && own[at] < best.own[at])) best = { index, own };
  }
  return best === null ? null : best.index;
}

function knee(page, fitting) {
  const keys = ['error', 'storage_mb', 'runtime'];
  const bounds = keys.map((key) => {
    const values = fitting.map((index) => page.members[index][key]);
    return [Math.min(...values), Math.max(...values)];
  });
  const scaled = (index) =>
    keys.map((key, i) => (page.members[index][key] - bounds[i][0]) / (bounds[i][1] - bounds[i][0] || 1));
  return least(fitting, (index) => [scaled(index).reduce((sum, value) => sum + value * value, 0)]);
}

function choose(page, limits, goal) {
  const fitting = within(page, limits);
  const { members } = page;
  if (goal === 'knee') return knee(page, fitting);
  if (goal === 'smallest') return least(fitting, (index) => [members[index].storage_mb]);
  return least(fitting, (index) => [members[index].estimate, members[index].storage_mb]);
}

export function number(value) {
  return String(Number(value.toPrecision(6)));
}

function said(page, limits) {
  const named = budgetsOf(page);
  const parts = set(limits).map((key) => `${named[key].what} at most ${number(limits[key])} ${named[key].unit}`);
  return parts.join(' and ') || 'no budget';
}

function missed(page, limits) {
  const keys = set(limits);
  const over = (index, key) => Math.max(0, page.members[index][key] / limits[key] - 1);
  const nearest = least(page.choosable, (index) => [keys.reduce((sum, key) => sum + over(index, key), 0)]);
  const one = page.members[nearest];
  const named = budgetsOf(page);
  const parts = keys
    .filter((key) => one[key] > limits[key])
    .map((key) => `${named[key].what} ${one[key].toFixed(3)} ${named[key].unit}`);
  return `no member has ${said(page, limits)}; the nearest is ${one.name} with ${parts.join(' and ')}: raise the budget`;
}

// What `hubits pick` gives under some limits: its index, why, which limits bind and what speaks against it.
export function pick(page, limits, wantsKnee = false) {
  const goal = goalOf(limits, wantsKnee);
  const index = choose(page, limits, goal);
  if (index === null) return { index: null, missed: missed(page, limits), binding: [], warnings: [] };
  const fitting = within(page, limits);
  const one = page.members[index];
  const rivals = one.rivals.filter(([other]) => fitting.includes(other)).map(([, text]) => text);
  return {
    index,
    reason: WHY[goal](fitting.length, said(page, limits), page.measure.title),
    binding: set(limits).filter((key) => choose(page, { ...limits, [key]: null }, goal) !== index),
    warnings: [...rivals, ...one.doubts],
  };
}

// Four digits, rounded up, so that a limit as it is shown still lets its own member in.
export function ceiling(value) {
  const digits = Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value) || 1)));
  const rounded = Number(value.toFixed(digits));
  return rounded >= value ? rounded : Number((rounded + 10 ** -digits).toFixed(digits));
}

// The limits that a slider stops at: what members have, without repetition.
export function stops(page, key) {
  const values = page.choosable.map((index) => ceiling(page.members[index][key]));
  return [...new Set(values.filter((value) => value > 0))].sort((a, b) => a - b);
}

export function commandLine(page, limits, wantsKnee) {
  const options = set(limits).map((key) => ` --${budgetsOf(page)[key].option} ${number(limits[key])}`);
  const rest = `${wantsKnee ? ' --knee' : ''}${page.refined ? ' --refined' : ''}`;
  return `hubits pick ${page.study}${options.join('')}${rest} --export picked`;
}

export function pythonCall(page, limits, wantsKnee) {
  const options = set(limits).map((key) => `${budgetsOf(page)[key].call}=${number(limits[key])}`);
  if (wantsKnee) options.push('knee=True');
  const refined = page.refined ? ', refined=True' : '';
  return `hubits.open_study("${page.study}"${refined}).pick(${options.join(', ')}).candidate`;
}
