// The keys of Slicer's panel: L, Enter, Esc, Up and Down, space; and files for the browser to keep.
(() => {
  const trigger = (name, ...args) => window.trame && window.trame.trigger(name, args);
  const prompt = () => document.querySelector('#lsms-prompt');
  const typing = (element) =>
    element && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName)) &&
    !['checkbox', 'radio', 'range', 'button'].includes(element.type);

  function onPromptKey(event) {
    if (event.key === 'Enter') {
      event.preventDefault();
      trigger('lsms_run', prompt().value);
    } else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
      event.preventDefault();
      trigger('lsms_history', event.key === 'ArrowUp' ? 1 : -1, prompt().value);
    }
  }

  function onPageKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (event.ctrlKey && !typing(event.target) && event.key.toLowerCase() === 'z') {
        event.preventDefault();
        trigger(event.shiftKey ? 'lsms_redo' : 'lsms_undo');
      }
      return;
    }
    if (event.key === 'l' || event.key === 'L') {
      event.preventDefault();
      prompt().focus();
      prompt().select();
    } else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
      event.preventDefault();
      trigger('lsms_step', event.key === 'ArrowUp' ? -1 : 1);
    } else if (event.key === ' ') {
      event.preventDefault();
      trigger('lsms_toggle');
    }
  }

  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      trigger('lsms_cancel');
    } else if (event.target.id === 'lsms-prompt') {
      onPromptKey(event);
    } else if (event.target.id === 'lsms-correction' && event.key === 'Enter') {
      event.preventDefault();
      trigger('lsms_correct', event.target.value);
    } else if (!typing(event.target)) {
      onPageKey(event);
    }
  }, true);

  window.lsmsDownload = (address) => {
    if (!address) return;
    const link = document.createElement('a');
    link.href = address;
    link.download = '';
    document.body.appendChild(link);
    link.click();
    link.remove();
  };
})();
