const key = 'gala.operatorToken';

/** The token of this tab: it outlives a reload, not the tab, and no other tab sees it. */
export function readToken(): string | undefined {
  try {
    return sessionStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

export function keepToken(token: string): void {
  try {
    sessionStorage.setItem(key, token);
  } catch {
    // Without storage it lasts as long as the page.
  }
}

export function forgetToken(): void {
  try {
    sessionStorage.removeItem(key);
  } catch {
    // There is nothing to forget then.
  }
}
