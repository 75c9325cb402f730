import { integer, section } from './terms.ts';

const CENTURY = 36_525;

export const retention = section('How long what happened is kept one by one; its sums stay.', {
  ledgerDays: integer(
    1,
    CENTURY,
    'Rows of the ledger, from the end of a picture on, and what was saved by whom. In days.',
    {
      default: 400,
    },
  ),
  unknownDays: integer(1, CENTURY, 'The same for charges whose true cost nobody knows, until a bill tells. In days.', {
    default: 800,
  }),
});
