/**
 * A JSON string kept as bytes instead of a JavaScript string: a picture or a thought signature of many megabytes.
 * It knows two spellings of itself: the JSON it is written as, and the bytes its base64 stands for.
 */
export class LongString {}
