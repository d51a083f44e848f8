-- An order is paid, one that was cancelled is taken up again, and a new one comes.
update shop.orders set status = 'paid', updated_at = '2025-04-08 12:00:00+00' where order_id = 3;
update shop.orders set status = 'open', updated_at = '2025-04-09 08:30:00+00' where order_id = 4;

insert into shop.orders values
  (5, '2025-05-02 11:20:00+00', 'paid', 20.65, '{"way": "post"}', '2025-05-02 11:20:00+00');

insert into shop.lines values
  (5, 1, 4, 1, '[2025-05-10,2025-05-24)'),
  (5, 2, 3, 2, null),
  (5, 3, 1, 1, null);
