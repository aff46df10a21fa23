/** Hearts on the picture at once, and of one batch; more say no more. */
const heartsMax = 24;
const heartsPerBatch = 6;
const riseMs = 2_400;
const apartMs = 110;
const hues = [8, 20, 340, 36, 320];

/** Hearts that rise in the corner of the picture when somebody likes; none where nothing may move. */
export class Burst {
  readonly #root: HTMLElement;
  readonly #still = matchMedia('(prefers-reduced-motion: reduce)');
  #hearts = 0;

  constructor(root: HTMLElement) {
    this.#root = root;
  }

  add(count: number): void {
    if (this.#still.matches || document.hidden) return;
    const hearts = Math.min(count, heartsPerBatch, heartsMax - this.#hearts);
    for (let index = 0; index < hearts; index++) this.#rise(index * apartMs);
  }

  #rise(delay: number): void {
    const heart = document.createElement('span');
    heart.className = 'burst-heart';
    heart.textContent = '♥';
    heart.style.color = `oklch(0.7 0.2 ${hues[Math.floor(Math.random() * hues.length)]})`;
    this.#root.append(heart);
    this.#hearts++;
    const drift = (Math.random() - 0.5) * 80;
    const size = 0.7 + Math.random() * 0.7;
    const frames = [
      { opacity: 0, transform: `translate(0, 0) scale(0.2)` },
      { opacity: 1, transform: `translate(${drift * 0.3}px, -50px) scale(${size})`, offset: 0.2 },
      { opacity: 0, transform: `translate(${drift}px, -260px) scale(${size})` },
    ];
    const { finished } = heart.animate(frames, { delay, duration: riseMs, easing: 'ease-out', fill: 'both' });
    const leave = (): void => {
      this.#hearts--;
      heart.remove();
    };
    finished.then(leave, leave);
  }
}
