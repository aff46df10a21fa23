import type { SubmitEvent } from 'react';
import { keepToken } from './token.ts';
import { useConsoleWords } from './words.tsx';

interface TokenFormProps {
  readonly error?: string;
  readonly onToken: (token: string) => void;
}

export function TokenForm({ error, onToken }: TokenFormProps) {
  const say = useConsoleWords();
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const token = new FormData(event.currentTarget).get('token');
    if (typeof token !== 'string' || token.trim() === '') return;
    keepToken(token.trim());
    onToken(token.trim());
  };
  return (
    <form className="card sign-in" onSubmit={submit} data-testid="token-form">
      <h1>{say('title')}</h1>
      <p className="hint">{say('signIn.text')}</p>
      <label className="field">
        <span>{say('signIn.token')}</span>
        <input name="token" type="password" required maxLength={8192} autoComplete="off" spellCheck={false} />
      </label>
      {error !== undefined && (
        <p className="form-error" role="alert" data-testid="token-error">
          {error}
        </p>
      )}
      <button className="button primary large">{say('signIn.submit')}</button>
      <p className="hint">{say('signIn.help')}</p>
    </form>
  );
}
