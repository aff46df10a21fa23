import { useEffect, useRef } from 'react';
import type { CommentSignal, Signal } from '@gala/protocol/signals';
import { Burst } from './burst.ts';
import { Lanes } from './lanes.ts';
import type { OverlayChoice } from './overlay-choice.ts';
import type { ChatStore } from './store.ts';

/** From the right edge until it is gone at the left. */
const crossMs = 8_000;
/** Where nothing may move: how long a line stands. */
const standMs = 4_000;
/** On the picture at once; what is above is in the list alone. */
const shownMax = 60;
const laneHeightPx = 34;
/** The lower third stays free: subtitles, faces and the controls are there. */
const share = 0.66;
const gapPx = 28;

interface DanmakuProps {
  readonly store: ChatStore;
  readonly choice: OverlayChoice;
}

/** Comments that cross the picture, each at the place in the stream that its author saw. */
export function Danmaku({ store, choice }: DanmakuProps) {
  const root = useRef<HTMLDivElement>(null);
  const { isOn, opacity } = choice;
  useEffect(() => {
    const element = root.current;
    if (!element || !isOn) return undefined;
    const screen = new DanmakuScreen(element);
    const leaves = [
      store.onOverlay((signals) => screen.show(signals)),
      store.onSignals((signals) => screen.remove(signals)),
    ];
    return () => {
      for (const leave of leaves) leave();
      screen.dispose();
    };
  }, [store, isOn]);
  return <div ref={root} className="danmaku" style={{ opacity }} aria-hidden="true" data-testid="danmaku" />;
}

/** Drawn beside React: the browser's compositor moves the lines, and nothing runs per frame. */
class DanmakuScreen {
  readonly #root: HTMLElement;
  readonly #still = matchMedia('(prefers-reduced-motion: reduce)');
  readonly #resize: ResizeObserver;
  readonly #burst: Burst;
  #lanes: Lanes;
  #shown = 0;

  constructor(root: HTMLElement) {
    this.#root = root;
    this.#burst = new Burst(root);
    this.#lanes = lanesOf(root);
    this.#resize = new ResizeObserver(() => (this.#lanes = lanesOf(root)));
    this.#resize.observe(root);
  }

  show(signals: readonly Signal[]): void {
    for (const signal of signals) {
      if (signal.type === 'comment') this.#add(signal);
      if (signal.type === 'like') this.#burst.add(signal.count);
    }
  }

  /** What is taken back goes from the picture too. */
  remove(signals: readonly Signal[]): void {
    for (const signal of signals) {
      if (signal.type === 'retract') this.#removeBy('signalId', signal.retracted);
      if (signal.type === 'mute' && signal.removes) this.#removeBy('userId', String(signal.userId));
    }
  }

  dispose(): void {
    this.#resize.disconnect();
    this.#root.replaceChildren();
  }

  #removeBy(name: 'signalId' | 'userId', value: string): void {
    for (const line of this.#root.querySelectorAll<HTMLElement>('.danmaku-line')) {
      if (line.dataset[name] === value) for (const animation of line.getAnimations()) animation.cancel();
    }
  }

  #add(comment: CommentSignal): void {
    if (document.hidden || this.#shown >= shownMax) return;
    const line = lineOf(comment);
    this.#root.append(line);
    const nowMs = performance.now();
    const isStill = this.#still.matches;
    const lane = isStill ? this.#lanes.occupy(standMs, nowMs) : this.#lanes.take(line.offsetWidth, nowMs);
    if (lane === undefined) return line.remove();
    this.#shown++;
    line.style.top = `${lane * laneHeightPx}px`;
    const { finished } = isStill ? stand(line) : cross(line, this.#root.offsetWidth);
    const leave = (): void => {
      this.#shown--;
      line.remove();
    };
    finished.then(leave, leave);
  }
}

function lanesOf({ offsetWidth, offsetHeight }: HTMLElement): Lanes {
  const lanes = Math.max(1, Math.floor((offsetHeight * share) / laneHeightPx));
  return new Lanes({ lanes, widthPx: Math.max(1, offsetWidth), crossMs, gapPx });
}

function lineOf({ text, count, signalId, author }: CommentSignal): HTMLElement {
  const line = document.createElement('span');
  line.className = author.role === 'viewer' ? 'danmaku-line' : 'danmaku-line of-staff';
  line.dataset['signalId'] = signalId;
  line.dataset['userId'] = String(author.userId);
  line.textContent = count > 1 ? `${text} ×${count}` : text;
  return line;
}

function cross(line: HTMLElement, widthPx: number): Animation {
  const frames = [
    { transform: `translateX(${widthPx}px)` },
    { transform: `translateX(${-line.offsetWidth}px)` },
  ];
  return line.animate(frames, { duration: crossMs, easing: 'linear', fill: 'both' });
}

function stand(line: HTMLElement): Animation {
  line.classList.add('stands');
  return line.animate([{ opacity: 1 }, { opacity: 1 }], { duration: standMs });
}
