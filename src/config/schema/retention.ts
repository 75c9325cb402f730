import { integer, section } from './terms.ts';

/** What a picture truly cost may be learnt a day after its end. */
const LEAST = 2;
const CENTURY = 36_525;

export const retention = section('How long what happened is kept one by one; its sums stay.', {
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
