import { useEffect, useRef } from 'react';
import { SignIn } from '../studio/sign-in.tsx';
import { useChatWords } from './chat-words.tsx';
import { createPortal } from 'react-dom';

interface SignInDialogProps {
  readonly onSignedIn: () => void;
  readonly onClose: () => void;
}

export function SignInDialog({ onSignedIn, onClose }: SignInDialogProps) {
  const say = useChatWords();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return createPortal(
    <dialog ref={dialog} className="dialog" aria-label={say('signIn.title')} onClose={onClose}>
      <SignIn title={say('signIn.title')} onSession={onSignedIn} />
      <button type="button" className="button quiet small" onClick={onClose}>
        {say('close')}
      </button>
    </dialog>,
    document.body,
  );
}
