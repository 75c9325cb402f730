import { Type } from 'typebox';
import { address, list, section, variable } from './terms.ts';

export const alerts = section('What is told when budgets run out.', {
  thresholds: list(
    Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      errorMessage: 'must be a share of the budget, such as 0.8 for 80 %',
    }),
    'The shares of a budget at which it is told, once in each of its periods; none: never.',
    { default: [0.5, 0.8, 1], maxItems: 10 },
  ),
  webhook: Type.Optional(address('Where to POST an alert, besides the log and the metrics.')),
  webhookSecretFrom: Type.Optional(
    variable('The environment variable with the secret that signs it; with _FILE behind it, a file.'),
  ),
});
