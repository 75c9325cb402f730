export type FormFault = 'syntax' | 'too_many' | 'part_too_large' | 'body_too_large';

/** What is no form, or more of one than is taken. The message is for its sender and quotes nothing but the name of a field. */
export class FormError extends Error {
  readonly reason: FormFault;
  /** The name of the part at fault, as it came; null where it has none yet. */
  readonly field: string | null;

  constructor(reason: FormFault, message: string, field: string | null = null, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FormError';
    this.reason = reason;
    this.field = field;
  }
}
