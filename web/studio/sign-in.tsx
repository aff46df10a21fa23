import { useState, type SubmitEvent } from 'react';
import { ApiError, type AnswerOf } from '@gala/sdk/room';
import { createHostCommand, withCode } from '../design/with-code.tsx';
import { client } from '../shell/client.ts';
import { useWords } from '../shell/words.tsx';

interface SignInProps {
  /** Of another page than the studio's. */
  readonly title?: string;
  readonly onSession: (session: AnswerOf<'signIn'>) => void;
}

export function SignIn({ title, onSession }: SignInProps) {
  const { t, explain } = useWords();
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<ApiError>();
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setBusy(true);
    setFailed(undefined);
    client
      .signIn({ name: textOf(fields, 'name'), password: textOf(fields, 'password') })
      .then(onSession, (error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        setFailed(error);
        setBusy(false);
      });
  };
  return (
    <form className="card sign-in" onSubmit={submit} data-testid="sign-in">
      {title === undefined ? (
        <>
          <h1>{t('host.signIn.title')}</h1>
          <p className="hint">{t('host.signIn.text')}</p>
        </>
      ) : (
        <h2>{title}</h2>
      )}
      <label className="field">
        <span>{t('host.signIn.name')}</span>
        <input
          name="name"
          required
          maxLength={64}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
        />
      </label>
      <label className="field">
        <span>{t('host.signIn.password')}</span>
        <input name="password" type="password" required maxLength={256} autoComplete="current-password" />
      </label>
      {failed && (
        <p className="form-error" role="alert" data-testid="sign-in-error">
          {explain(failed)}
        </p>
      )}
      <button className="button primary large" disabled={busy}>
        {busy ? t('host.signIn.busy') : t('host.signIn.submit')}
      </button>
      {title === undefined && <p className="hint">{withCode(t('host.signIn.help'), createHostCommand)}</p>}
    </form>
  );
}

function textOf(fields: FormData, name: string): string {
  const value = fields.get(name);
  return typeof value === 'string' ? value : '';
}
