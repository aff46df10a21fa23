const key = 'gala.device';
let made: string | undefined;

/** What this browser is called where nobody is signed in: random, kept as long as the browser keeps it. */
export function deviceToken(): string {
  made ??= read() ?? make();
  return made;
}

function read(): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

/** `randomUUID` is for secure pages alone, and a server in the house has none. */
function make(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const token = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  try {
    localStorage.setItem(key, token);
  } catch {
    // Then it is for this page alone.
  }
  return token;
}
