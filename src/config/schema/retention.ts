import { integer, section } from './terms.ts';

/** What a picture truly cost may be learnt a day after its end. */
const LEAST = 2;
const CENTURY = 36_525;

export const retention = section('How long what happened is kept one by one; its sums stay.', {
  signatureDays: integer(
    0,
    CENTURY,
    'Pictures that were delivered and their thought signatures, for when they come back in a conversation; 0: none. In days.',
    {
      default: 30,
    },
  ),
  ledgerDays: integer(
    LEAST,
    CENTURY,
    'Rows of the ledger, from the end of a picture on, and what was saved by whom. In days.',
    {
      default: 400,
    },
  ),
  unknownDays: integer(
    LEAST,
    CENTURY,
    'The same for charges whose true cost nobody knows, until a bill tells. In days.',
    {
      default: 800,
    },
  ),
});
