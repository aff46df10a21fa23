/// <reference types="vite/client" />

/** The light build comes without types of its own: it is the whole one less what nobody calls here. */
declare module 'hls.js/light' {
  export { default } from 'hls.js';
}
