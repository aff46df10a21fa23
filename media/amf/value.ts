/** An AMF0 object; decoded ones have no prototype, so `__proto__` is a key like any other. */
export interface AmfObject {
  [key: string]: AmfValue;
}

/** What AMF0 can carry. Typed objects and ECMA arrays decode to plain objects, XML to a string. */
export type AmfValue =
  | number
  | boolean
  | string
  | null
  | undefined
  | Date
  | AmfObject
  | EcmaArray
  | AmfValue[];

/** Marks an object that is to be encoded as an ECMA array, the form `onMetaData` has. */
export class EcmaArray {
  readonly properties: AmfObject;

  constructor(properties: AmfObject) {
    this.properties = properties;
  }
}
