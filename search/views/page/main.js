// The page's one state: the budget, who it gives, who is pinned and who is looked at.

import { byId, element } from './dom.js';
import { buildFigures } from './figures.js';
import { buildBudgets, showBudgets, showMember, showPick } from './panels.js';
import { ceiling, pick } from './rule.js';
import { buildTable } from './table.js';

const page = JSON.parse(byId('data').textContent);
const indices = new Map(page.members.map((member, index) => [member.name, index]));
const state = { limits: { storage_mb: null, runtime: null, error: null }, knee: false, opening: false, found: null, pinned: 0, shown: 0 };

const index = (one) => (typeof one === 'string' ? (indices.get(one) ?? null) : one);
const handlers = {
  show: (one) => show(index(one) ?? state.pinned),
  pin: (one) => pin(index(one)),
};

function show(at) {
  state.shown = at;
  figures.show(page.members[at].name);
  table.mark(at, state.found.index, state.pinned);
  byId('member').replaceChildren(...showMember(page, at, state.found.index, budgetOf));
}

function pin(at) {
  if (at === null || at === undefined) return;
  state.pinned = at;
  show(at);
  remember();
}

// What the budget gives is pinned; where it gives nothing, who was looked at stays.
function decide() {
  state.found = pick(page, state.limits, state.knee);
  showBudgets(page, budgets.controls, state.limits, state.knee, state.found);
  byId('pick').replaceChildren(...showPick(page, state.found, state.limits, state.knee, pin));
  pin(state.found.index ?? state.pinned);
}

function limit(key, value) {
  if (state.opening) state.knee = false;
  state.opening = false;
  state.limits[key] = value;
  decide();
}

function budgetOf(at) {
  const one = page.members[at];
  state.knee = false;
  state.opening = false;
  state.limits = { storage_mb: ceiling(one.storage_mb), runtime: ceiling(one.runtime), error: null };
  decide();
}

// The address holds budget and selection, so that a page that is loaded again shows the same.
function remember() {
  const kept = new URLSearchParams();
  for (const [key, value] of Object.entries(state.limits)) if (value !== null) kept.set(key, value);
  if (state.knee) kept.set('knee', '1');
  if (state.pinned !== state.found.index) kept.set('member', page.members[state.pinned].name);
  history.replaceState(null, '', `#${kept.size > 0 ? kept : 'any'}`);
}

function recall() {
  const kept = new URLSearchParams(location.hash.slice(1));
  for (const key of Object.keys(state.limits)) {
    const value = Number(kept.get(key));
    if (value > 0) state.limits[key] = value;
  }
  state.opening = kept.size === 0; // a page opens at the knee until somebody says what they want
  state.knee = state.opening || kept.has('knee');
  return kept.get('member');
}

function themed(theme) {
  document.documentElement.dataset.theme = theme;
  figures.recolour();
}

function buildTheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const own = () => (dark.matches ? 'dark' : 'light');
  document.documentElement.dataset.theme = own();
  dark.addEventListener('change', () => themed(own()));
  byId('theme').addEventListener('click', () => themed(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'));
  let before = null;
  addEventListener('beforeprint', () => {
    before = document.documentElement.dataset.theme;
    themed('light');
    figures.drawAll();
  });
  addEventListener('afterprint', () => themed(before));
}

const SYMBOLS = {
  circle: 'M2 7a5 5 0 1 0 10 0a5 5 0 1 0-10 0', 'circle-open': 'M2 7a5 5 0 1 0 10 0a5 5 0 1 0-10 0',
  diamond: 'M7 1l6 6-6 6-6-6z', square: 'M2 2h10v10h-10z', 'triangle-down-open': 'M1 2h12l-6 10z',
};

function buildKey() {
  const buttons = page.key.map(({ role, title, colour, symbol }) => {
    const open = symbol.endsWith('-open');
    const button = element('button', { type: 'button', 'aria-pressed': 'true' });
    button.innerHTML = `<svg width="14" height="14" aria-hidden="true"><path d="${SYMBOLS[symbol]}" fill="${open ? 'none' : colour}" stroke="${colour}" stroke-width="1.5"/></svg>`;
    button.append(title);
    button.addEventListener('click', () => {
      const visible = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', visible);
      figures.toggle(role, visible);
    });
    return button;
  });
  byId('key').replaceChildren(...buttons);
}

function buildProvenance() {
  const { toml, facts, failures, repeated } = page.provenance;
  const rows = (failures ?? []).map(([kind, count, meaning, message]) =>
    element('tr', {}, element('td', {}, kind), element('td', {}, String(count)), element('td', { class: 'left' }, meaning), element('td', { class: 'left spare' }, message)));
  const said = failures === null ? 'not looked up' : failures.length === 0 ? 'none' : null;
  byId('provenance').replaceChildren(
    element('h2', {}, 'Failures'),
    said === null ? element('div', { class: 'scroll' }, element('table', { class: 'list', id: 'failures' }, element('tbody', {}, ...rows))) : element('p', { class: 'note' }, said),
    element('p', { class: 'note' }, `${repeated} proposals repeated what was measured before, and cost nothing.`),
    element('h2', {}, 'Where these numbers come from'),
    element('dl', {}, ...facts.flatMap(([what, value]) => [element('dt', {}, what), element('dd', {}, value)])),
    element('details', {}, element('summary', {}, `the study file, ${page.study}`), element('pre', {}, toml)),
  );
}

// A page that `hubits watch` serves asks whether there is more, and loads itself again.
function watch() {
  const { stamp } = document.documentElement.dataset;
  if (stamp === undefined) return;
  setInterval(async () => {
    try {
      const answer = await fetch('stamp', { cache: 'no-store' });
      if (answer.ok && (await answer.text()) !== stamp) location.reload();
    } catch {
      // the server is gone: what is shown stays
    }
  }, 3000);
}

const wanted = recall();
const figures = buildFigures(page, handlers);
const table = buildTable(page, handlers);
const budgets = buildBudgets(page, limit, (knee) => {
  state.knee = knee;
  state.opening = false;
  decide();
});
byId('budgets').replaceChildren(...budgets.rows);
buildTheme();
buildKey();
buildProvenance();
decide();
if (wanted !== null && indices.has(wanted)) pin(indices.get(wanted));
watch();
globalThis.hubits = { page, pick: (limits, knee) => pick(page, limits, knee) };
