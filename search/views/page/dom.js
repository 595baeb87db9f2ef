// Small things that every panel needs.

// An element with attributes and children; text is never read as HTML.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

export function fixed(value, digits) {
  return value === null || value === undefined ? '' : value.toFixed(digits);
}

// A line of text with a button that copies it.
export function copyable(text, label) {
  const button = element('button', { type: 'button', 'aria-label': `copy ${label}` }, 'copy');
  button.addEventListener('click', async () => {
    let copied = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // a page from a file may not reach the clipboard: the text is selected instead
      copied = false;
      getSelection().selectAllChildren(button.previousSibling);
    }
    button.textContent = copied ? 'copied' : 'selected';
    setTimeout(() => {
      button.textContent = 'copy';
    }, 1500);
  });
  return element('div', { class: 'copy' }, element('code', {}, text), button);
}
