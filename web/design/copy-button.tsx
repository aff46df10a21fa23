import { useEffect, useState } from 'react';
import { Icon, type IconName } from './icon.tsx';

interface CopyButtonProps {
  readonly text: string;
  readonly label: string;
  readonly done: string;
  readonly icon?: IconName;
  readonly testId?: string;
}

const shownMs = 2_000;

/** Puts a text on the clipboard and says so. */
export function CopyButton({ text, label, done, icon = 'copy', testId }: CopyButtonProps) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), shownMs);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button
      type="button"
      className="button small"
      onClick={() => void copy(text).then(setCopied)}
      data-testid={testId}
    >
      <Icon name={copied ? 'check' : icon} />
      <span aria-live="polite">{copied ? done : label}</span>
    </button>
  );
}

/** The clipboard API needs a secure context; a host on a plain-HTTP network gets the older way. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'visually-hidden';
  document.body.append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  return copied;
}
