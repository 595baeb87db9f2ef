// The pick with its budgets, and the selected member with its bits.

import { copyable, element, fixed } from './dom.js';
import { budgetsOf, commandLine, number, pythonCall, stops } from './rule.js';

const SHADES = ['#440154', '#3b528b', '#21918c', '#5ec962', '#fde725']; // 1, 2, 4, 8 and 16 bits
const DIGITS = { error: 2, storage_mb: 3, runtime: 3 };

export function shade(bits) {
  const at = Math.max(0, Math.min(4, Math.log2(bits)));
  const from = Math.min(3, Math.floor(at));
  const mixed = [1, 3, 5].map((i) => {
    const [a, b] = [SHADES[from], SHADES[from + 1]].map((colour) => parseInt(colour.slice(i, i + 2), 16));
    return Math.round(a + (b - a) * (at - from));
  });
  return { back: `rgb(${mixed.join(', ')})`, ink: mixed[0] * 0.3 + mixed[1] * 0.59 + mixed[2] * 0.11 > 110 ? '#111' : '#fff' };
}

// One slider and one field a budget; `onLimit(key, limit)` is told, null for none.
export function buildBudgets(page, onLimit, onKnee) {
  const controls = {};
  const rows = Object.entries(budgetsOf(page)).map(([key, { what, unit }]) => {
    const values = stops(page, key);
    const slider = element('input', {
      type: 'range', id: `slider-${key}`, min: 0, max: values.length, step: 1, value: values.length,
      'aria-label': `${what} budget`,
      oninput: () => onLimit(key, values[slider.value] ?? null),
    });
    const field = element('input', {
      type: 'number', id: `limit-${key}`, min: 0, step: 'any', placeholder: 'any', 'aria-label': `${what} at most`,
      oninput: () => onLimit(key, field.value !== '' && Number(field.value) > 0 ? Number(field.value) : null),
    });
    const label = element('label', { for: field.id }, `${what} at most, ${unit}`);
    controls[key] = { slider, field, label, values };
    return element('div', { class: 'budget' }, label, field, slider);
  });
  const box = element('input', { type: 'checkbox', id: 'knee', onchange: () => onKnee(box.checked) });
  rows.push(element('label', { class: 'note' }, box, ' the knee: nearest to the ideal corner'));
  controls.knee = box;
  return { rows, controls };
}

export function showBudgets(page, controls, limits, knee, found) {
  for (const [key, { what, unit }] of Object.entries(budgetsOf(page))) {
    const { slider, field, label, values } = controls[key];
    const limit = limits[key];
    const reached = limit === null ? values.length : values.filter((value) => value <= limit).length - 1;
    slider.value = Math.max(0, reached);
    slider.setAttribute('aria-valuetext', limit === null ? 'no limit' : `at most ${number(limit)} ${unit}`);
    if (document.activeElement !== field) field.value = limit === null ? '' : number(limit);
    const binds = found.binding.includes(key);
    label.replaceChildren(`${what} at most, ${unit}`, binds ? element('span', { class: 'binds' }, ' · binds') : '');
  }
  controls.knee.checked = knee;
}

function price(page, from, to) {
  const parts = ['error', 'storage_mb', 'runtime'].map((key) => {
    const change = to[key] - from[key];
    const unit = { error: ` ${page.measure.title} points`, storage_mb: ' MB', runtime: ' runtime' }[key];
    return `${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(DIGITS[key])}${unit}`;
  });
  return `${to.name}: ${parts.join(', ')}`;
}

export function showPick(page, found, limits, knee, onPin) {
  if (found.index === null) return [element('p', { class: 'doubt', id: 'missed' }, found.missed)];
  const one = page.members[found.index];
  const step = (index, arrow, what) =>
    index === null
      ? element('p', { class: 'note' }, `${arrow} ${what}: none`)
      : element('button', { type: 'button', onclick: () => onPin(index) }, `${arrow} ${what}: ${price(page, one, page.members[index])}`);
  return [
    element('div', { class: 'name', id: 'picked' }, one.name),
    element('p', { class: 'note' }, found.reason),
    facts(page, one),
    ...found.warnings.map((text) => element('p', { class: 'doubt' }, `but: ${text}`)),
    element('div', { class: 'steps' }, step(one.up, '▲', 'up'), step(one.down, '▼', 'down')),
    copyable(commandLine(page, limits, knee), 'the command line'),
    copyable(pythonCall(page, limits, knee), 'the Python call'),
  ];
}

function facts(page, one) {
  const rows = [
    [page.measure.title, `${fixed(one.error, 2)} % [${fixed(one.low, 2)}, ${fixed(one.high, 2)}]`],
    ['on the test corpus', one.test === null ? 'not scored' : `${fixed(one.test, 2)} % [${fixed(one.test_low, 2)}, ${fixed(one.test_high, 2)}]`],
    ['on the other one', one.other === null ? null : `${fixed(one.other, 2)} %`],
    ['storage', `${fixed(one.storage_mb, 3)} MB`],
    ['runtime', `${fixed(one.runtime, 3)} of fp16, estimated`],
    ['bits a weight', fixed(one.bits, 2)],
    ['below the best row that costs no more', gainOf(one)],
  ].filter(([, value]) => value !== null);
  return element('dl', {}, ...rows.flatMap(([what, value]) => [element('dt', {}, what), element('dd', {}, value)]));
}

export function gainOf(one) {
  if (one.gain !== null) return element('span', { class: one.gain.better ? 'better' : 'none' }, one.gain.text);
  return one.role === 'row' || one.role === 'paper' ? 'a row itself' : 'no row costs as little';
}

// Blocks by layers, and what lies outside the blocks in a line of its own.
function heatMap(layers, bits, title) {
  const rows = Array.from({ length: layers.blocks }, () => Array(layers.columns.length).fill(null));
  const rest = [];
  layers.places.forEach((place, i) => {
    const own = layers.bits[bits[i]] ?? null;
    if (Array.isArray(place)) rows[place[0]][place[1]] = own;
    else rest.push([place, own]);
  });
  const kept = layers.columns.map((_, column) => rows.some((row) => row[column]));
  const cell = (value) => {
    if (!value) return element('td', {}, '');
    const { back, ink } = shade(value);
    return element('td', { style: `background: ${back}; color: ${ink}` }, String(Number(value.toFixed(2))));
  };
  const only = (_, column) => kept[column];
  const head = element('tr', {}, element('th', { scope: 'col' }, 'block'), ...layers.columns.filter(only).map((name) => element('th', { scope: 'col' }, name)));
  const body = rows.map((row, block) => element('tr', {}, element('th', { scope: 'row' }, String(block)), ...row.filter(only).map(cell)));
  return element(
    'div', {},
    element('h3', {}, title),
    element('table', { class: 'bits', 'aria-label': `${title} by block and layer` }, element('thead', {}, head), element('tbody', {}, ...body)),
    rest.length === 0 ? null : element(
      'table', { class: 'bits', 'aria-label': `${title} outside the blocks` },
      element('thead', {}, element('tr', {}, ...rest.map(([name]) => element('th', { scope: 'col' }, name)))),
      element('tbody', {}, element('tr', {}, ...rest.map(([, value]) => cell(value)))),
    ),
  );
}

export function showMember(page, index, picked, onBudget) {
  const one = page.members[index];
  const role = page.key.find((entry) => entry.role === one.role).title;
  return [
    element(
      'div', { class: 'name', id: 'selected' }, one.name,
      element('span', { class: 'tag' }, role, picked === index ? ', what the budget gives' : ''),
      one.estimate === undefined ? null : element('button', { type: 'button', class: 'tag', onclick: () => onBudget(index) }, 'set the budget to its costs'),
    ),
    element('p', { class: 'note' }, `${page.measure.title} ${fixed(one.error, 2)} % [${fixed(one.low, 2)}, ${fixed(one.high, 2)}]${one.test === null ? '' : `, test ${fixed(one.test, 2)} %`}, ${fixed(one.storage_mb, 3)} MB, runtime ${fixed(one.runtime, 3)}, ${fixed(one.bits, 2)} bits a weight`),
    element('div', { class: 'maps' }, heatMap(page.layers, one.weights, 'bits of weights'), heatMap(page.layers, one.activations, 'bits of activations')),
    element('p', { class: 'note' }, one.short),
  ];
}
