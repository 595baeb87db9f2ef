// The members as a table: sorted by a heading, filtered by text, walked through with the arrow keys.

import { byId, element, fixed } from './dom.js';
import { gainOf } from './panels.js';

const COLUMNS = [
  { key: 'name', title: 'member', text: (m) => m.name },
  { key: 'role', title: 'what', left: true, spare: true, text: (m, page) => page.key.find((k) => k.role === m.role).title },
  { key: 'error', title: 'error %', text: (m) => fixed(m.error, 2) },
  { key: 'low', title: '95 %', spare: true, text: (m) => `${fixed(m.low, 1)}–${fixed(m.high, 1)}` },
  { key: 'test', title: 'test %', text: (m) => fixed(m.test, 2) },
  { key: 'storage_mb', title: 'MB', text: (m) => fixed(m.storage_mb, 3) },
  { key: 'runtime', title: 'runtime', text: (m) => fixed(m.runtime, 3) },
  { key: 'bits', title: 'bits', spare: true, text: (m) => fixed(m.bits, 2) },
  { key: 'gain', title: 'below the best row that costs no more', left: true, spare: true, text: (m) => (m.role === 'row' || m.role === 'paper' ? '' : gainOf(m)) },
];

const kinds = (column) => [column.left && 'left', column.spare && 'spare'].filter(Boolean).join(' ') || null;

function compared(a, b, key, sign) {
  const [one, other] = [a, b].map((m) => (key === 'gain' ? (m.gain?.points ?? null) : m[key]));
  if (one === null || other === null) return (one === null) - (other === null); // what is not known stands last
  if (typeof one === 'string') return sign * one.localeCompare(other);
  return sign * (one - other);
}

export function buildTable(page, handlers) {
  const sort = { key: 'storage_mb', sign: 1 };
  const titleOf = ({ key, title }) => (key === 'error' ? `${page.measure.title} %` : title);
  const rows = page.members.map((member, index) => {
    const cells = COLUMNS.map((column) => element('td', { class: kinds(column) }, column.text(member, page)));
    return element('tr', { 'data-index': index, tabindex: -1, class: member.role }, ...cells);
  });
  const words = page.members.map((m) => `${m.name} ${m.role} ${COLUMNS[1].text(m, page)} ${m.short}`.toLowerCase());
  const body = element('tbody');
  const heads = COLUMNS.map((column) =>
    element(
      'th', { scope: 'col', class: kinds(column), 'data-key': column.key },
      element('button', { type: 'button', onclick: () => sorted(column.key) }, titleOf(column)),
    ));

  function sorted(key) {
    sort.sign = sort.key === key ? -sort.sign : 1;
    sort.key = key;
    fill();
  }

  function fill() {
    const wanted = byId('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
    const everyone = byId('dominated').checked;
    const shown = page.members
      .map((_, index) => index)
      .filter((index) => everyone || !['dominated', 'tied'].includes(page.members[index].role))
      .filter((index) => wanted.every((word) => words[index].includes(word)));
    shown.sort((a, b) => compared(page.members[a], page.members[b], sort.key, sort.sign));
    body.replaceChildren(...shown.map((index) => rows[index]));
    byId('count').textContent = `${shown.length} of ${page.members.length}`;
    for (const head of heads) {
      const own = head.dataset.key === sort.key;
      head.setAttribute('aria-sort', own ? (sort.sign > 0 ? 'ascending' : 'descending') : 'none');
      head.firstChild.textContent = titleOf(COLUMNS.find((c) => c.key === head.dataset.key)) + (own ? (sort.sign > 0 ? ' ↑' : ' ↓') : '');
    }
  }

  // into the table's own view; the page stays where it is
  function bring(row) {
    const box = byId('table');
    const above = row.offsetTop - row.offsetHeight < box.scrollTop;
    const below = row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight;
    if (row.isConnected && (above || below)) box.scrollTop = row.offsetTop - box.clientHeight / 2;
  }

  const of = (event) => {
    const row = event.target.closest('tr[data-index]');
    return row === null ? null : Number(row.dataset.index);
  };
  body.addEventListener('mouseover', (event) => handlers.show(of(event)));
  body.addEventListener('mouseleave', () => handlers.show(null));
  body.addEventListener('click', (event) => handlers.pin(of(event)));
  body.addEventListener('keydown', (event) => {
    const row = event.target.closest('tr[data-index]');
    const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling, Home: body.firstElementChild, End: body.lastElementChild }[event.key];
    if (!next) return;
    event.preventDefault();
    handlers.pin(Number(next.dataset.index));
    next.focus();
  });
  byId('filter').addEventListener('input', fill);
  byId('dominated').addEventListener('change', fill);
  byId('table').replaceChildren(element('table', { class: 'list' }, element('thead', {}, element('tr', {}, ...heads)), body));
  fill();

  return {
    // mark who is shown and who the budget gives
    mark(shown, picked, pinned) {
      for (const row of rows) {
        const index = Number(row.dataset.index);
        row.classList.toggle('shown', index === shown);
        row.classList.toggle('picked', index === picked);
        row.tabIndex = index === pinned ? 0 : -1;
        if (index === shown) row.setAttribute('aria-selected', 'true');
        else row.removeAttribute('aria-selected');
      }
      bring(rows[shown]);
      if (!body.querySelector('[tabindex="0"]') && body.firstElementChild) body.firstElementChild.tabIndex = 0;
    },
  };
}
