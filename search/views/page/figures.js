// The figures: drawn when they come into view, in the page's colours, each with the selected member marked.

/* global Plotly */
import { element } from './dom.js';

const narrow = () => matchMedia('(max-width: 600px)').matches;

function config() {
  const unused = ['select2d', 'lasso2d', 'autoScale2d', 'sendDataToCloud'];
  return { displaylogo: false, responsive: true, displayModeBar: narrow() ? false : 'hover', modeBarButtonsToRemove: unused };
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(['ink', 'line', 'card', 'ring'].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

function template() {
  const { ink, line, card } = colours();
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
  const flat = { ...axis, backgroundcolor: card, showbackground: true, color: ink };
  return {
    layout: {
      font: { family: 'system-ui, sans-serif', color: ink, size: 12 },
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', xaxis: axis, yaxis: axis,
      modebar: { bgcolor: 'rgba(0,0,0,0)', color: line, activecolor: ink },
      scene: { xaxis: flat, yaxis: flat, zaxis: flat },
      hoverlabel: { align: 'left', bgcolor: card, bordercolor: line, font: { color: ink } },
    },
  };
}

const heightOf = (figure) => figure.layout.height ?? (figure.name === 'space' ? 460 : 340);

// Where a member is in a figure: the points of its name in the first trace that has it.
function found(figure, name) {
  for (const [trace, own] of figure.data.entries()) {
    if (own.meta === 'test' || own.type === 'heatmap' || !own.customdata) continue;
    const points = own.customdata.flatMap((custom, i) => (custom && custom[0] === name ? [i] : []));
    if (points.length > 0) return { trace, points };
  }
  return null;
}

export function buildFigures(page, handlers) {
  const drawn = new Map();
  const waiting = new Map();
  const hidden = new Set();
  let shown = null;
  let source = null;

  function marker(figure) {
    const { ring } = colours();
    const type = figure.data[0]?.type === 'scatter3d' ? 'scatter3d' : 'scatter';
    const line = figure.name === 'parallel';
    return {
      type, x: [], y: [], ...(type === 'scatter3d' ? { z: [] } : {}), meta: 'selected', name: 'selected',
      mode: line ? 'lines+markers' : 'markers', showlegend: false, hoverinfo: 'skip', line: { color: ring, width: 3 },
      marker: line ? { color: ring, size: 6 } : { symbol: 'circle-open', color: ring, size: type === 'scatter3d' ? 11 : 17, line: { color: ring, width: 3 } },
    };
  }

  function layout(figure) {
    const own = structuredClone(figure.layout);
    own.template = template();
    if (['storage', 'runtime', 'space', 'parallel'].includes(figure.name)) {
      own.showlegend = false; // the key says it
      own.margin = { ...own.margin, t: 12 };
    }
    if (narrow()) {
      own.dragmode = figure.name === 'space' ? 'orbit' : false; // a finger scrolls the page
      if (own.scene) own.scene.camera = { eye: { x: 2, y: 2, z: 0.9 } };
      else own.margin = { ...own.margin, l: 45, r: 8 };
      if (own.coloraxis) own.coloraxis.showscale = false;
      if (figure.name === 'parallel') own.annotations = []; // no room: the values are in the labels
    }
    return own;
  }

  function traces(figure) {
    const own = figure.data.map((trace) => ({ ...trace, visible: hidden.has(trace.meta) ? false : trace.visible ?? true }));
    if (narrow()) {
      for (const trace of own) if (trace.type === 'heatmap') trace.texttemplate = '';
    }
    return figure.data[0]?.type === 'heatmap' ? own : [...own, marker(figure)];
  }

  function draw(name) {
    const { figure, place } = waiting.get(name);
    waiting.delete(name);
    place.replaceChildren();
    place.style.height = `${heightOf(figure)}px`;
    if (name === 'space' && !document.createElement('canvas').getContext('webgl')) {
      place.replaceChildren(element('p', { class: 'note' }, 'This browser has no WebGL, which three dimensions need.'));
      return;
    }
    Plotly.newPlot(place, traces(figure), layout(figure), config());
    drawn.set(name, { figure, place });
    const over = (event) => event.points[0].customdata?.[0];
    place.on('plotly_hover', (event) => {
      source = name;
      handlers.show(over(event));
    });
    place.on('plotly_unhover', () => {
      source = null;
      handlers.show(null);
    });
    place.on('plotly_click', (event) => handlers.pin(over(event)));
    mark(name);
  }

  function mark(name) {
    const { figure, place } = drawn.get(name);
    if (figure.name === 'bits') {
      const row = figure.data[0].y.indexOf(shown);
      const { ring } = colours();
      const shapes = row < 0 ? [] : ['', '2'].map((axis) => ({
        type: 'rect', xref: `x${axis} domain`, yref: `y${axis}`, x0: 0, x1: 1, y0: row - 0.5, y1: row + 0.5, line: { color: ring, width: 2 },
      }));
      Plotly.relayout(place, { shapes });
      return;
    }
    if (figure.data[0]?.type === 'heatmap') return;
    const at = shown === null ? null : found(figure, shown);
    const axes = figure.data[0]?.type === 'scatter3d' ? ['x', 'y', 'z'] : ['x', 'y'];
    const values = axes.map((axis) => [axis, [at === null ? [] : at.points.map((i) => figure.data[at.trace][axis][i])]]);
    Plotly.restyle(place, Object.fromEntries(values), [figure.data.length]);
  }

  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const { name } = entry.target.dataset;
      if (entry.isIntersecting && waiting.has(name) && name !== 'space') draw(name);
    }
  }, { rootMargin: '300px' });

  const places = page.figures.map((one) => {
    const figure = { ...one.spec, name: one.name };
    const height = one.name === 'space' ? 'auto' : `${heightOf(figure)}px`;
    const place = element('div', { class: 'plot', id: `figure-${one.name}`, 'data-name': one.name, style: `height: ${height}`, role: 'img', 'aria-label': one.title });
    const wide = ['parallel', 'bits', 'sensitivity'].includes(one.name);
    const home = document.querySelector(`[data-figure="${one.name}"]`);
    const box = element(home ? 'div' : 'section', { class: home ? null : `card${wide ? ' wide' : ''}` }, element('h2', {}, one.title), element('p', { class: 'note' }, one.note), place);
    if (home) home.replaceChildren(box);
    if (one.name === 'space') { // three dimensions take WebGL and a second: drawn for those who ask
      place.append(element('button', { type: 'button', onclick: () => draw('space') }, 'draw it'));
    }
    waiting.set(one.name, { figure, place });
    observer.observe(place);
    return home ? null : box;
  });
  document.getElementById('figures').replaceChildren(...places.filter(Boolean));

  return {
    // mark a member of a name in every figure but the one that the pointer is on
    show(name) {
      if (name === shown) return;
      shown = name;
      for (const one of drawn.keys()) if (one !== source) mark(one);
    },
    toggle(role, visible) {
      if (visible) hidden.delete(role);
      else hidden.add(role);
      for (const { figure, place } of drawn.values()) {
        const own = figure.data.flatMap((trace, i) => (trace.meta === role ? [i] : []));
        if (own.length > 0) Plotly.restyle(place, { visible }, own);
      }
    },
    recolour() {
      for (const [name, { figure, place }] of drawn) {
        Plotly.react(place, traces(figure), layout(figure), config());
        mark(name);
      }
    },
    drawAll() {
      for (const name of waiting.keys()) if (name !== 'space') draw(name);
    },
  };
}
